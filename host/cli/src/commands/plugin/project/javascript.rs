//! A project in JavaScript: the template, the kit beside it, the interfaces.

use include_dir::{Dir, include_dir};

use super::{Project, below};

static KIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk-js/colchis");

impl Project<'_> {
    pub(super) fn javascript(&mut self) {
        for file in ["README.md", "package.json", "tsconfig.json"] {
            self.add(file, &format!("javascript/common/{file}.txt"));
        }
        for file in ["app.js", "plugin.js", "plugin.test.js", "config.json"] {
            self.add(file, &format!("javascript/{}/{file}", self.form.word()));
        }
        below(&KIT, "colchis", &mut self.made);
        self.interfaces();
    }
}
