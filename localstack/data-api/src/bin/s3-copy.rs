//! The program behind the local `aws_s3`: copies one object to standard output, or standard input to one object.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match millrace_data_api::s3_copy::run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // the database shows what a failed program says
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
