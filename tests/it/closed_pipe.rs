//! Output that nobody reads any more, as after `| head`.

#![expect(clippy::unwrap_used, reason = "tests may, their helper functions too")]

use std::process::{Command, Stdio};

/// A standard output whose reader has gone.
pub fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure_of_what_needs_no_server() {
    let programs: [(&str, &[&str]); 3] = [
        (env!("CARGO_BIN_EXE_rules"), &[]),
        (env!("CARGO_BIN_EXE_generator"), &["--list"]),
        (env!("CARGO_BIN_EXE_portrait"), &["--help"]),
    ];
    for (program, arguments) in programs {
        let mut command = Command::new(program);
        command.env_clear().current_dir(env!("CARGO_TARGET_TMPDIR"));
        let output = command.args(arguments).stdout(closed_pipe()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !told.contains("panicked"), "{program} {arguments:?}: {told}");
    }
}
