//! The agent as a program of its own, for the tests of this crate.

fn main() {
    runner_local::agent_main(std::env::args_os().skip(1));
}
