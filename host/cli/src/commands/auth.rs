//! `colchis auth`.

use clap::Subcommand;

use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};

/// Show the credentials in use.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the token that commands send
    Token,
}

impl Command {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        match self {
            Self::Token => match ctx.target()?.token {
                Some(token) => {
                    ctx.out.line(token)?;
                    Ok(Exit::Done)
                }
                None => Err(CliError::failed("there is no token")
                    .hint("a server makes one in its data folder when it starts")
                    .hint("client.token and client.tokenFile set one")),
            },
        }
    }
}
