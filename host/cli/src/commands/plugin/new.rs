//! `colchis plugin new`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::project::{self, Form, Lang};
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};

/// The longest name of a plugin.
const NAME_MAX: usize = 63;

/// Make a project for a plugin of one's own
///
/// It builds with the language's ordinary tools, has a test that passes, and a README with the three commands that are needed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colchis plugin new queue-lag --lang rust --kind metric-provider
  colchis plugin new word-count --lang go --kind step
  colchis plugin new queue-lag --lang python --kind metric-provider
  colchis plugin new order-events --lang javascript --kind event-receiver
  colchis plugin new word-count --lang rust --kind step --dir plugins/word-count --sdk ../colchis/plugins/sdk")]
pub struct New {
    /// Name of the plugin: lower case letters, digits and `-`
    #[arg(value_name = "NAME")]
    name: String,

    /// Language to write it in
    #[arg(long, value_enum, value_name = "LANG")]
    lang: Lang,

    /// What it is to be
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Form,

    /// Folder to make [default: the name]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Folder of the kit of that language in a clone: plugins/sdk, plugins/sdk-go [default: a copy of it in the project]
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

impl New {
    pub(super) fn run(self, ctx: &mut Context) -> CliResult {
        if !is_name(&self.name) {
            return Err(CliError::usage(format!("{:?} cannot be the name of a plugin", self.name)).hint(format!(
                "lower case letters, digits and `-`, a letter first, at most {NAME_MAX}, such as queue-lag"
            )));
        }
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
            return Err(CliError::usage(format!("{} is there already", dir.display()))
                .hint("name another folder with --dir, or remove it"));
        }
        let sdk = self.sdk.as_deref().map(|path| sdk(path, self.lang)).transpose()?;
        let made = project::files(self.lang, self.kind, &self.name, sdk.as_deref());
        for file in &made {
            let path = dir.join(&file.path);
            let cannot = || format!("{} cannot be written", path.display());
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).with_context(cannot)?;
            }
            std::fs::write(&path, &file.bytes).with_context(cannot)?;
        }
        ctx.out.line(format!("{} is made: a {} in {}", dir.display(), self.kind.word(), self.lang.word()))?;
        ctx.out.note(format!("next: cd {}; its README says how it is tested and built", dir.display()));
        Ok(Exit::Done)
    }
}

/// The absolute path of the SDK, which has to be one.
fn sdk(path: &Path, lang: Lang) -> CliResult<String> {
    let (folder, mark) = match lang {
        Lang::Rust => ("plugins/sdk", "src/lib.rs"),
        Lang::Go => ("plugins/sdk-go", "metricprovider/metric_provider.go"),
        Lang::Python | Lang::JavaScript | Lang::TypeScript => {
            return Err(CliError::usage("--sdk is for projects in Rust and Go"));
        }
    };
    let cannot = || format!("--sdk {}: it cannot be found", path.display());
    let absolute = std::fs::canonicalize(path).with_context(cannot).map_err(|e| CliError::new(Exit::Usage, e))?;
    match (absolute.join(mark).is_file(), absolute.to_str()) {
        (true, Some(text)) if !text.contains(['"', '\\']) => Ok(text.to_owned()),
        _ => Err(CliError::usage(format!("--sdk {}: the kit is not there", path.display()))
            .hint(format!("name the folder {folder} of a clone"))),
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= NAME_MAX
        && name.chars().all(fits)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_plugin_and_a_crate_can_have() {
        for (name, is) in [
            ("queue-lag", true),
            ("a1", true),
            ("1a", false),
            ("a-", false),
            ("A", false),
            ("a--b", false),
            ("", false),
        ] {
            assert_eq!(is_name(name), is, "{name:?}");
        }
    }
}
