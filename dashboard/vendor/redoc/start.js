// System fonts: Redoc's own defaults would have to be fetched from elsewhere.
const sans = 'system-ui, sans-serif';
const mono = 'ui-monospace, monospace';

Redoc.init('/openapi.json', {
  disableSearch: false,
  hideDownloadButton: false,
  theme: {
    typography: {
      fontFamily: sans,
      headings: { fontFamily: sans },
      code: { fontFamily: mono },
    },
  },
}, document.getElementById('redoc'));
