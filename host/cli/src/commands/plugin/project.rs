//! What a project of a plugin consists of: templates, the interfaces, the SDK.
//!
//! All of it is embedded as it is in this tree, so that a project fits the binary that made it.

use include_dir::{Dir, File, include_dir};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk");
/// The versions that the SDK takes from its workspace.
static SDK_WORKSPACE: &str = include_str!("../../../../../plugins/Cargo.toml");

/// The name that templates have in the place of the plugin's own: words of the language, so that a formatter can read them.
const NAME: &str = "my-plugin";

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Lang {
    /// With the crate colchis-sdk
    Rust,
}

/// A kind, as a project is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// Measures something for an analysis
    MetricProvider,
    /// Makes manifests of a source tree
    ManifestRenderer,
    /// Goes and gets events
    EventSubscriber,
    /// Takes events in as HTTP requests
    EventReceiver,
    /// Does something when events came in
    Trigger,
    /// Is a step of a workflow
    Step,
}

impl Form {
    /// Its word, which is the folder's and the SDK's feature.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::MetricProvider => "metric-provider",
            Self::ManifestRenderer => "manifest-renderer",
            Self::EventSubscriber => "event-subscriber",
            Self::EventReceiver => "event-receiver",
            Self::Trigger => "trigger",
            Self::Step => "step",
        }
    }

    /// What its template asks of the operator, as lines of the manifest.
    fn grants(self) -> &'static str {
        match self {
            Self::MetricProvider | Self::EventSubscriber | Self::Trigger => {
                "  grants:\n    http:\n    - host: http://127.0.0.1:8080    # the hosts that configurations name\n      private: true\n"
            }
            Self::ManifestRenderer | Self::EventReceiver | Self::Step => "",
        }
    }

    /// What `colchis plugin test` is given for the template.
    fn test_flags(self) -> &'static str {
        match self {
            Self::ManifestRenderer => "-f config.json --input '{\"files\": {\"a.txt\": \"one\"}}'",
            Self::EventReceiver => "-f config.json --input '{\"request\": {\"body\": {\"id\": \"7\"}}}'",
            _ => "-f config.json",
        }
    }
}

/// A file of a project.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Its path in the project.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

/// All files of a project. The SDK is in it unless there is a path to it.
pub(super) fn files(lang: Lang, form: Form, name: &str, sdk: Option<&str>) -> Vec<Made> {
    let Lang::Rust = lang;
    let mut made = Vec::new();
    let template = |path: &str| TEMPLATES.get_file(path).and_then(File::contents_utf8).unwrap_or_default();
    let mut add =
        |path: &str, text: &str| made.push(Made { path: path.to_owned(), bytes: filled(text, form, name, sdk).into() });
    add(".gitignore", template("gitignore.txt"));
    add("plugin.yaml", template("plugin.yaml.txt"));
    add("Cargo.toml", template("rust/common/Cargo.toml.txt"));
    add("README.md", template("rust/common/README.md.txt"));
    add("src/lib.rs", template(&format!("rust/{}/lib.rs", form.word())));
    add("config.json", template(&format!("rust/{}/config.json", form.word())));
    if sdk.is_none() {
        // Where the SDK's sources expect the interfaces.
        below(&SDK, "vendor/plugins/sdk", &mut made);
        below(&WIT, "vendor/wit", &mut made);
        let workspace = SDK_WORKSPACE.lines().map(|line| match line.starts_with("members = ") {
            true => "members = [\"sdk\"]",
            false => line,
        });
        let workspace = workspace.fold(String::new(), |text, line| text + line + "\n");
        made.push(Made { path: "vendor/plugins/Cargo.toml".to_owned(), bytes: workspace.into() });
    }
    made
}

/// Every file below an embedded folder; released versions of the interfaces are for checks of this tree alone.
fn below(folder: &Dir<'_>, at: &str, made: &mut Vec<Made>) {
    for file in folder.files() {
        let path = format!("{at}/{}", file.path().display());
        made.push(Made { path, bytes: file.contents().to_vec() });
    }
    for folder in folder.dirs().filter(|folder| !folder.path().starts_with("released")) {
        below(folder, at, made);
    }
}

/// A template's text with what it is for.
fn filled(text: &str, form: Form, name: &str, sdk: Option<&str>) -> String {
    let pascal: String = name.split('-').map(capital).collect();
    let line = match sdk {
        None => {
            "- `vendor/`: the crate colchis-sdk and the interfaces, as they were in the `colchis` that made this project; `--sdk PATH` takes those of a clone instead"
        }
        Some(_) => "",
    };
    text.replace("SDK-PATH", sdk.unwrap_or("vendor/plugins/sdk"))
        .replace("SDK-LINE\n", &if line.is_empty() { String::new() } else { format!("{line}\n") })
        .replace("TEST-FLAGS", form.test_flags())
        .replace("GRANTS\n", form.grants())
        .replace("KIND", form.word())
        .replace(NAME, name)
        .replace("my_plugin", &name.replace('-', "_"))
        .replace("MyPlugin", &pascal)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn nothing_of_a_template_is_left_open() {
        for form in Form::value_variants() {
            let made = files(Lang::Rust, *form, "queue-lag", None);
            for file in made.iter().filter(|file| !file.path.starts_with("vendor/")) {
                let text = String::from_utf8(file.bytes.clone()).unwrap();
                assert!(!text.is_empty(), "{} of {form:?}", file.path);
                for word in ["my-plugin", "my_plugin", "MyPlugin", "SDK-", "KIND", "GRANTS", "FLAGS"] {
                    assert!(!text.contains(word), "{word} in {} of {form:?}", file.path);
                }
            }
            assert!(made.iter().any(|file| file.path == "vendor/plugins/sdk/src/lib.rs"));
            assert!(made.iter().any(|file| file.path == "vendor/wit/plugin/types.wit"));
            assert!(!made.iter().any(|file| file.path.contains("released")));
        }
    }
}
