//! `colchis completion`.

use clap::Args;
use clap_complete::Shell;

use crate::context::Context;
use crate::error::{CliResult, Exit};

/// Write a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
bash:        source <(colchis completion bash)              in ~/.bashrc
zsh:         colchis completion zsh > \"${fpath[1]}/_colchis\"
fish:        colchis completion fish > ~/.config/fish/completions/colchis.fish
powershell:  colchis completion powershell | Out-String | Invoke-Expression")]
pub struct Completion {
    /// Which shell
    shell: Shell,
}

impl Completion {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::app::command(ctx.host.settings()), "colchis", &mut script);
        ctx.out.write(script)?;
        Ok(Exit::Done)
    }
}
