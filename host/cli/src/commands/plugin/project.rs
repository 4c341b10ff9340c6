//! What a project of a plugin consists of: templates, the interfaces, the SDK.
//!
//! All of it is embedded as it is in this tree, so that a project fits the binary that made it.

mod go;
mod javascript;
mod python;

use include_dir::{Dir, File, include_dir};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");
static WORLDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/worlds");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk");
/// The versions that the SDK takes from its workspace.
static SDK_WORKSPACE: &str = include_str!("../../../../../plugins/Cargo.toml");

/// What a README says of the kit in Rust.
const KIT_LINE: &str = "- `vendor/`: the crate colchis-sdk and the interfaces, as they were in the `colchis` that made this project; `--sdk PATH` takes those of a clone instead";

/// The name that templates have in the place of the plugin's own: words of the language, so that a formatter can read them.
const NAME: &str = "my-plugin";

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Lang {
    /// With the crate colchis-sdk
    Rust,
    /// With the module colchis/sdk, by Go's own compiler
    Go,
    /// With componentize-py
    Python,
    /// With componentize-js
    #[value(name = "javascript", alias = "js")]
    JavaScript,
    /// With componentize-js, bundled
    #[value(name = "typescript", alias = "ts")]
    TypeScript,
}

impl Lang {
    /// For people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
        }
    }

    /// Where a project finds the kit, and what its README says of that.
    fn kit(self, sdk: Option<&str>) -> (String, &'static str) {
        match (self, sdk) {
            (Self::Go, None) => (go::KIT.to_owned(), go::KIT_LINE),
            (Self::Go, Some(sdk)) => (go::path(sdk), ""),
            (_, None) => ("vendor/plugins/sdk".to_owned(), KIT_LINE),
            (_, Some(sdk)) => (sdk.to_owned(), ""),
        }
    }
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

    /// The world of `plugins/worlds` that a component of it is of.
    pub(super) fn world(self) -> &'static str {
        match self {
            Self::Step => "workflow-step",
            other => other.word(),
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

/// All files of a project. In Rust and Go, the SDK is in it unless there is a path to it.
pub(super) fn files(lang: Lang, form: Form, name: &str, sdk: Option<&str>) -> Vec<Made> {
    let mut project = Project { lang, form, name, sdk, made: Vec::new() };
    project.add(".gitignore", "gitignore.txt");
    project.add("plugin.yaml", "plugin.yaml.txt");
    match lang {
        Lang::Rust => project.rust(),
        Lang::Go => project.go(),
        Lang::Python => project.python(),
        Lang::JavaScript => project.javascript("javascript", "js"),
        Lang::TypeScript => project.javascript("typescript", "ts"),
    }
    project.made
}

/// A project that is being made.
struct Project<'a> {
    lang: Lang,
    form: Form,
    name: &'a str,
    sdk: Option<&'a str>,
    made: Vec<Made>,
}

impl Project<'_> {
    fn add(&mut self, path: &str, template: &str) {
        let text = TEMPLATES.get_file(template).and_then(File::contents_utf8).unwrap_or_default();
        let bytes = filled(text, self.lang, self.form, self.name, self.sdk).into();
        self.made.push(Made { path: path.to_owned(), bytes });
    }

    /// A file that is the same in each project.
    fn put(&mut self, path: &str, text: &str) {
        self.made.push(Made { path: path.to_owned(), bytes: text.into() });
    }

    fn rust(&mut self) {
        self.add("Cargo.toml", "rust/common/Cargo.toml.txt");
        self.add("README.md", "rust/common/README.md.txt");
        self.add("src/lib.rs", &format!("rust/{}/lib.rs", self.form.word()));
        self.add("config.json", &format!("rust/{}/config.json", self.form.word()));
        if self.sdk.is_some() {
            return;
        }
        // Where the SDK's sources expect the interfaces.
        below(&SDK, "vendor/plugins/sdk", &mut self.made);
        below(&WIT, "vendor/wit", &mut self.made);
        let workspace = of_sdk_alone(SDK_WORKSPACE);
        self.put("vendor/plugins/Cargo.toml", &workspace);
    }

    /// The interfaces as tools of other languages want them: a folder with the worlds, and what they name in `deps`.
    fn interfaces(&mut self) {
        below(&WORLDS, "wit", &mut self.made);
        let mut all = Vec::new();
        below(&WIT, "", &mut all);
        for file in all.into_iter().filter(|file| file.path.ends_with(".wit")) {
            // WASI's packages lie in a folder `deps` already.
            let inside = file.path.trim_start_matches('/');
            let path = format!("wit/deps/{}", inside.strip_prefix("deps/").unwrap_or(inside));
            self.made.push(Made { path, ..file });
        }
    }
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
fn filled(text: &str, lang: Lang, form: Form, name: &str, sdk: Option<&str>) -> String {
    let pascal: String = name.split('-').map(capital).collect();
    let (kit, line) = lang.kit(sdk);
    text.replace("SDK-PATH", &kit)
        .replace("SDK-LINE\n", &if line.is_empty() { String::new() } else { format!("{line}\n") })
        .replace("TEST-FLAGS", form.test_flags())
        .replace("GRANTS\n", form.grants())
        .replace("KIND", form.word())
        .replace("WORLD", form.world())
        .replace(NAME, name)
        .replace("my_plugin", &name.replace('-', "_"))
        .replace("MyPlugin", &pascal)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// The manifest of the workspace that the SDK is in, with the SDK alone in it.
fn of_sdk_alone(manifest: &str) -> String {
    let mut text = String::new();
    let mut in_members = false;
    for line in manifest.lines() {
        if line.starts_with("members = ") {
            text.push_str("members = [\"sdk\"]\n");
            in_members = !line.ends_with(']');
        } else if in_members {
            in_members = line.trim_end() != "]";
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    fn all() -> impl Iterator<Item = (Lang, Form)> {
        let forms = |lang: &Lang| Form::value_variants().iter().map(|form| (*lang, *form)).collect::<Vec<_>>();
        Lang::value_variants().iter().flat_map(forms)
    }

    /// Whether a file is a copy of one of this tree.
    fn is_copied(path: &str) -> bool {
        ["vendor/", "wit/", "colchis/", "sdk/"].iter().any(|folder| path.starts_with(folder))
    }

    #[test]
    fn nothing_of_a_template_is_left_open() {
        for (lang, form) in all() {
            let made = files(lang, form, "queue-lag", None);
            for file in made.iter().filter(|file| !is_copied(&file.path)) {
                let text = String::from_utf8(file.bytes.clone()).unwrap();
                assert!(!text.is_empty(), "{} of {lang:?} {form:?}", file.path);
                for word in ["my-plugin", "my_plugin", "MyPlugin", "SDK-", "KIND", "GRANTS", "FLAGS", "WORLD"] {
                    assert!(!text.contains(word), "{word} in {} of {lang:?} {form:?}", file.path);
                }
            }
            let expected = match lang {
                Lang::Rust => ["vendor/plugins/sdk/src/lib.rs", "vendor/wit/plugin/types.wit"],
                Lang::Go => ["sdk/go.mod", "sdk/internal/bindings/colchis_plugin_types/wit_bindings.go"],
                Lang::Python => ["colchis/component.py", "wit/worlds.wit"],
                Lang::JavaScript | Lang::TypeScript => ["colchis/component/describe.js", "wit/worlds.wit"],
            };
            let interfaces: &[&str] = match lang {
                Lang::Rust | Lang::Go => &[],
                _ => &["wit/deps/plugin/types.wit", "wit/deps/step/step.wit", "wit/deps/http.wit"],
            };
            for path in expected.iter().chain(interfaces) {
                assert!(made.iter().any(|file| file.path == *path), "{path} of {lang:?} {form:?}");
            }
            assert!(!made.iter().any(|file| file.path.contains("released")));
        }
    }
}
