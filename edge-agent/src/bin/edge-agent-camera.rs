//! Reads one camera for the agent that starts it. A program of its own, so that libav and the hundred libraries behind it
//! are loaded by nobody else.

use std::process::ExitCode;

fn main() -> ExitCode {
    edge_agent::source::camera::worker::main()
}
