//! The wish to end: Ctrl-C or SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

/// Completes when the process is asked to end. Where the signals cannot be listened for, never: the
/// process then ends the hard way, which loses nothing either.
pub async fn requested() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
