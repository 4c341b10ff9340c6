//! The binary `colchis`.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    // Children of our own are small and single: they begin before any thread or runtime.
    match args.next().as_deref().and_then(OsStr::to_str) {
        Some("__agent") => runner_local::agent_main(args),
        Some("__jq") => server::wiring::jq_main(),
        Some("__compile") => plugin_host::compile_main(args),
        _ => {
            server::allocator::tune();
            cli::main(Arc::new(server::BinaryHost))
        }
    }
}
