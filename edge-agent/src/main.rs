//! The edge agent: the small program beside the equipment.

use std::process::ExitCode;

fn main() -> ExitCode {
    edge_agent::cli::main()
}
