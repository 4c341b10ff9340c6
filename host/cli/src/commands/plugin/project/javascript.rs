//! A project in JavaScript or TypeScript: the template, the kit beside it, the interfaces.

use include_dir::{Dir, include_dir};

use super::{Project, below};

static KIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk-js/colchis");

impl Project<'_> {
    /// The language is the folder's name, and the ending that of its sources.
    pub(super) fn javascript(&mut self, lang: &str, ending: &str) {
        for file in ["README.md", "package.json", "tsconfig.json"] {
            self.add(file, &format!("{lang}/common/{file}.txt"));
        }
        let sources = ["app", "plugin", "plugin.test"].map(|name| format!("{name}.{ending}"));
        for file in sources.iter().map(String::as_str).chain(["config.json"]) {
            self.add(file, &format!("{lang}/{}/{file}", self.form.word()));
        }
        below(&KIT, "colchis", &mut self.made);
        self.interfaces();
    }
}
