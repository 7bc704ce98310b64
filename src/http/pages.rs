//! The files of `dashboard/`, compiled in, and the headers that keep pages to themselves.
//!
//! In a debug build the files are read from the source tree, so that a page changes on reload.

use std::borrow::Cow;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::http::problem::Problem;

/// What a page may load and run: nothing from elsewhere, no script but files. Redoc makes its style
/// sheet at run time and its search worker from a blob.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; \
                           frame-ancestors 'none'";
/// For Swagger UI, a page of ours with no word of a user in it, whose script and data are inline.
const SWAGGER_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                              img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                              frame-ancestors 'none'";
/// For answers that are not pages.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "dashboard/"]
struct Files;

/// A middleware that answers the paths of files, and leaves all others to the endpoint behind it.
pub struct Pages;

impl<E: Endpoint> Middleware<E> for Pages {
    type Output = WithPages<E>;

    fn transform(&self, endpoint: E) -> WithPages<E> {
        WithPages(endpoint)
    }
}

/// An endpoint behind [`Pages`].
pub struct WithPages<E>(E);

impl<E: Endpoint> Endpoint for WithPages<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let name = file_name(request.uri().path()).to_owned();
        let mut response = match Files::get(&name) {
            Some(file) => answer(&request, &name, file),
            None => self.0.call(request).await.map(IntoResponse::into_response)?,
        };
        let policy = match response.content_type() {
            Some(kind) if !kind.starts_with("text/html") => DATA_POLICY,
            Some(_) if name.starts_with("docs") => SWAGGER_POLICY,
            _ => PAGE_POLICY,
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }
}

fn file_name(path: &str) -> &str {
    match path {
        "/" => "index.html",
        "/redoc" | "/redoc/" => "vendor/redoc/index.html",
        path => path.trim_start_matches('/'),
    }
}

fn answer(request: &Request, name: &str, file: EmbeddedFile) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let detail = "this path answers GET and HEAD only";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    }
    let hash: String =
        file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let known = request.header(header::IF_NONE_MATCH).is_some_and(|tags| tags.contains(&tag));
    let response = Response::builder()
        .header(header::ETAG, tag)
        // Browsers ask each time whether the file is still the same, so that a new release shows at once.
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::CONTENT_TYPE, content_type(name));
    match (known, request.method() == Method::HEAD) {
        (true, _) => response.status(StatusCode::NOT_MODIFIED).finish(),
        (false, true) => response.finish(),
        (false, false) => match file.data {
            Cow::Borrowed(bytes) => response.body(bytes),
            Cow::Owned(bytes) => response.body(bytes),
        },
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::EndpointExt;
    use poem::endpoint::make_sync;

    async fn ask(path: &str, known: &str) -> Response {
        let request = Request::builder().uri(path.parse().unwrap()).header("if-none-match", known);
        make_sync(|_| "behind").with(Pages).get_response(request.finish()).await
    }

    #[tokio::test]
    async fn a_file_is_sent_once_and_then_only_confirmed() {
        let first = ask("/vendor/redoc/start.js", "").await;
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.content_type(), Some("text/javascript; charset=utf-8"));
        let second = ask("/vendor/redoc/start.js", first.header("etag").unwrap()).await;
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(second.into_body().into_string().await.unwrap(), "");
    }

    #[tokio::test]
    async fn what_is_not_a_file_is_left_to_the_endpoint_behind() {
        for path in ["/search", "/vendor", "/../Cargo.toml", "/%2e%2e/Cargo.toml"] {
            assert_eq!(ask(path, "").await.into_body().into_string().await.unwrap(), "behind", "{path}");
        }
    }

    #[test]
    fn no_page_names_another_host_to_load_from() {
        for name in Files::iter().filter(|name| name.ends_with(".html")) {
            let page = String::from_utf8(Files::get(&name).unwrap().data.into_owned()).unwrap();
            for foreign in ["src=\"http", "src=\"//", "<link rel=\"stylesheet\" href=\"http"] {
                assert!(!page.contains(foreign), "{name} has {foreign}");
            }
        }
    }

    #[tokio::test]
    async fn a_page_may_load_nothing_from_elsewhere() {
        let page = ask("/redoc", "").await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.header("content-security-policy"), Some(PAGE_POLICY));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
}
