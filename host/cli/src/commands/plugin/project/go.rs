//! Projects in Go.
//!
//! The kit is no published module: a project has a copy of it in `sdk/`, which its `go.mod` names in a `replace`. So it builds from the module proxy's ordinary
//! modules, and fits the binary that made it.

use include_dir::{Dir, include_dir};

use super::{Made, Project};

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/sdk-go");

/// Where a project has the kit, as `go.mod` names a folder.
pub(super) const KIT: &str = "./sdk";

/// What a README says of it.
pub(super) const KIT_LINE: &str = "- `sdk/`: the Go module colchis/sdk, as it was in the `colchis` that made this project; `--sdk PATH` takes that of a clone instead";

/// The path of a clone's kit as `go.mod` has it: quoted where it has to be.
pub(super) fn path(sdk: &str) -> String {
    if sdk.contains(char::is_whitespace) { format!("\"{sdk}\"") } else { sdk.to_owned() }
}

impl Project<'_> {
    pub(super) fn go(&mut self) {
        let kind = self.form.word();
        self.add("go.mod", "go/common/go.mod.txt");
        self.add("README.md", "go/common/README.md.txt");
        self.add("build.sh", "go/common/build.sh.txt");
        for file in ["main.go", "main_test.go", "config.json"] {
            self.add(file, &format!("go/{kind}/{file}"));
        }
        // The sums of what the kit is made of are those of what the project is made of.
        let sums = SDK.get_file("go.sum").map(|file| file.contents().to_vec()).unwrap_or_default();
        self.made.push(Made { path: "go.sum".to_owned(), bytes: sums });
        if self.sdk.is_none() {
            kit(&SDK, &mut self.made);
        }
    }
}

/// What the compiler reads of the kit.
fn kit(folder: &Dir<'_>, made: &mut Vec<Made>) {
    for file in folder.files() {
        let path = file.path().display().to_string();
        if !path.ends_with("_test.go") && !path.ends_with(".md") {
            made.push(Made { path: format!("sdk/{path}"), bytes: file.contents().to_vec() });
        }
    }
    for folder in folder.dirs() {
        kit(folder, made);
    }
}
