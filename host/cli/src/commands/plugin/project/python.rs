//! A project in Python: the template, the kit beside it, the interfaces.

use include_dir::{Dir, include_dir};

use super::{Project, below};

static KIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk-python/colchis");
/// The tool, in the version that the kit is made for.
static REQUIREMENTS: &str = include_str!("../../../../../../plugins/sdk-python/requirements.txt");

impl Project<'_> {
    pub(super) fn python(&mut self) {
        self.add("README.md", "python/common/README.md.txt");
        for file in ["app.py", "plugin.py", "test_plugin.py", "config.json"] {
            self.add(file, &format!("python/{}/{file}", self.form.word()));
        }
        self.put("requirements.txt", REQUIREMENTS);
        below(&KIT, "colchis", &mut self.made);
        // What Python keeps of modules that were imported.
        self.made.retain(|file| !file.path.contains("__pycache__"));
        self.interfaces();
    }
}
