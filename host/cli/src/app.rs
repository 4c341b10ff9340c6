//! The command line as clap reads it, and its entry point.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser};

use crate::commands;
use crate::context::{Context, Globals};
use crate::error::{CliError, Exit};
use crate::host::Host;
use crate::out::Out;
use crate::render::terminal::ColorChoice;
use crate::settings::{Setting, SettingKind};

/// Workflows, templates and schedules in one binary, on a laptop or as a server
#[derive(Debug, Parser)]
#[command(
    name = "colchis",
    version,
    about,
    max_term_width = 110,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Begin with:
  colchis run hello.yaml            run a workflow here and now
  colchis server                    start a server, then: colchis workflow submit hello.yaml

Exit codes: 0 all went well, 1 a run or check failed or the server refused, 2 the command or a manifest is wrong,
3 the server cannot be reached or does not let you, 130 interrupted.")]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,

    #[command(subcommand)]
    command: commands::Command,
}

/// Runs the command line of this process.
pub fn main(host: Arc<dyn Host>) -> ExitCode {
    let exit = run(host, std::env::args_os().collect(), None);
    ExitCode::from(exit as u8)
}

/// Runs a command line. Streams other than the process's own are for tests.
pub fn run(host: Arc<dyn Host>, args: Vec<OsString>, out: Option<Out>) -> Exit {
    let matches = match command(host.settings()).try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, &args, out),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &args, out),
    };
    let out = out.unwrap_or_else(|| Out::of_process(cli.globals.color()));
    let setting_flags = setting_flags(&matches, host.settings());
    let mut context = Context { host, globals: cli.globals, setting_flags, out };
    // A command with a server of its own has nobody else to ask.
    let heavy = cli.command.is_heavy();
    let done = runtime(heavy).map_err(CliError::from).and_then(|runtime| {
        runtime.block_on(async {
            match cli.command.run(&mut context).await {
                Err(error) if !heavy => Err(crate::support::near::hinted(&context, error).await),
                done => done,
            }
        })
    });
    match done {
        Ok(exit) => exit,
        Err(error) => {
            context.out.error(&error);
            error.exit
        }
    }
}

/// The command line with a flag for every setting below `server`.
pub fn command(settings: &'static [Setting]) -> clap::Command {
    let mut command = Cli::command();
    command = command.mut_subcommand("server", |mut server| {
        for setting in settings.iter().filter(|setting| !setting.key.starts_with("client.") && setting.key != "dataDir")
        {
            server = server.arg(flag(setting));
        }
        server
    });
    command
}

fn flag(setting: &'static Setting) -> Arg {
    let unit = if setting.unit.is_empty() { String::new() } else { format!(" ({})", setting.unit) };
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    let mut arg = Arg::new(setting.key)
        .long(setting.flag())
        .value_name(setting.kind.placeholder())
        .help(format!("{}{unit}{default}", setting.doc.trim_end_matches('.')))
        .help_heading(heading(setting.group()));
    if setting.kind == SettingKind::Switch {
        arg = arg.num_args(0..=1).default_missing_value("true").require_equals(true);
    }
    arg
}

fn heading(group: &str) -> String {
    match group {
        "general" => "Settings".to_owned(),
        group => format!("Settings: {group}"),
    }
}

fn setting_flags(matches: &ArgMatches, settings: &'static [Setting]) -> Vec<(String, String, String)> {
    let Some(("server", server)) = matches.subcommand() else { return Vec::new() };
    settings
        .iter()
        .filter(|setting| server.try_contains_id(setting.key).unwrap_or(false))
        .filter(|setting| server.value_source(setting.key) == Some(ValueSource::CommandLine))
        .filter_map(|setting| {
            let value = server.get_one::<String>(setting.key)?;
            Some((setting.key.to_owned(), format!("--{}", setting.flag()), value.clone()))
        })
        .collect()
}

fn runtime(heavy: bool) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match heavy {
        true => tokio::runtime::Builder::new_multi_thread(),
        // A command that asks a server one thing needs no threads.
        false => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

/// Help and version go to standard output and are no errors; everything else is a usage error, with a hint for those who know Argo's commands.
fn usage(error: &clap::Error, args: &[OsString], out: Option<Out>) -> Exit {
    let informs = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let mut out = out.unwrap_or_else(|| Out::of_process(ColorChoice::Auto));
    let terminal = if informs { out.terminal.clone() } else { out.err_terminal.clone() };
    let text = if terminal.color { error.render().ansi().to_string() } else { error.render().to_string() };
    if informs {
        // A closed pipe: nobody reads the help any more.
        let _ = out.write(text);
        return Exit::Done;
    }
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let words = args.iter().filter_map(|arg| arg.to_str()).collect::<Vec<_>>()
        && let Some(line) = crate::hints::meant(&words, word)
    {
        let told =
            CliError::usage(format!("there is no command `colchis {word}`")).hint(format!("here it is `{line}`"));
        out.error(&told);
        return Exit::Usage;
    }
    out.note_raw(&text);
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        static SETTINGS: &[Setting] = &[];
        command(SETTINGS).debug_assert();
    }
}
