//! Lines on standard output, for programs whose output is read by `head` and `less`.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};
use std::process::exit;

/// Writes a line to standard output, as `println!` does. Where the reader has read enough, nothing is written, and the
/// program ends as it would have ended.
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => { $crate::stdout::line(format_args!($($line)*)) };
}

/// What [`say!`](crate::say) does.
pub fn line(line: Arguments<'_>) {
    match writeln!(stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: writing to standard output: {error}");
            exit(1);
        }
        _ => {}
    }
}
