//! `flags` of a resource template: what `kubectl` would be given, as far as it says which objects are meant.
//!
//! | flags | meaning |
//! |---|---|
//! | `configmap NAME`, `configmap/NAME` | this object, in place of one that the manifest names |
//! | `configmap --selector a=b` (`-l`) | all objects of the kind with these labels, to delete |
//! | `--ignore-not-found` | deleting what is not there is no failure |
//! | `--validate=false`, `--force` … | no effect here |

use expr::selector::Selector;

/// Flags that speak of how `kubectl` works and not of what it does.
const NO_EFFECT: [&str; 12] = [
    "validate",
    "force",
    "wait",
    "now",
    "cascade",
    "timeout",
    "grace-period",
    "server-side",
    "force-conflicts",
    "field-manager",
    "overwrite",
    "save-config",
];
/// Those of them that are followed by a value.
const WITH_VALUE: [&str; 3] = ["timeout", "grace-period", "field-manager"];

/// What flags say.
#[derive(Default)]
pub(super) struct Flags {
    /// What the kind is called.
    pub(super) kind: Option<String>,
    /// The object's name.
    pub(super) name: Option<String>,
    /// Labels of the objects that are meant.
    pub(super) selector: Option<Selector>,
    /// What is absent need not be deleted.
    pub(super) ignore_not_found: bool,
}

impl Flags {
    pub(super) fn parse(flags: &[String]) -> Result<Self, String> {
        let mut out = Self::default();
        let mut rest = flags.iter().map(String::as_str).filter(|flag| !flag.is_empty());
        while let Some(flag) = rest.next() {
            let Some(long) = flag.strip_prefix('-') else {
                out.positional(flag)?;
                continue;
            };
            let (name, value) = match long.trim_start_matches('-').split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long.trim_start_matches('-'), None),
            };
            match name {
                "selector" | "l" => {
                    let value = value.or_else(|| rest.next()).ok_or_else(|| format!("{flag}: labels are missing"))?;
                    out.selector = Some(Selector::parse(value).map_err(|e| format!("{flag}: {e}"))?);
                }
                "ignore-not-found" => out.ignore_not_found = value != Some("false"),
                name if NO_EFFECT.contains(&name) => {
                    if value.is_none() && WITH_VALUE.contains(&name) {
                        rest.next();
                    }
                }
                _ => {
                    return Err(format!(
                        "{flag} has no meaning here; a kind, a name, --selector and --ignore-not-found have"
                    ));
                }
            }
        }
        Ok(out)
    }

    fn positional(&mut self, text: &str) -> Result<(), String> {
        if self.kind.is_some() {
            if self.name.is_some() {
                return Err(format!("{text:?}: one object can be named"));
            }
            self.name = Some(text.to_owned());
            return Ok(());
        }
        let (kind, name) = text.split_once('/').map_or((text, None), |(kind, name)| (kind, Some(name.to_owned())));
        (self.kind, self.name) = (Some(kind.to_owned()), name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    fn shown(flags: &[&str]) -> String {
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        match Flags::parse(&flags) {
            Ok(f) => format!(
                "{} {} {} {}",
                f.kind.as_deref().unwrap_or("-"),
                f.name.as_deref().unwrap_or("-"),
                f.selector.is_some_and(|s| s.matches(|key| (key == "cleanup").then_some("true"))),
                f.ignore_not_found
            ),
            Err(problem) => problem,
        }
    }

    #[test]
    fn flags_say_which_objects_are_meant() {
        for (flags, expected) in [
            (&["workflow", "a"][..], "workflow a false false"),
            (&["cm/a"], "cm a false false"),
            (&["configmap", "--selector", "cleanup=true"], "configmap - true false"),
            (&["configmaps", "-l=cleanup=false"], "configmaps - false false"),
            (&["--ignore-not-found", "--grace-period", "0", "--validate=false"], "- - false true"),
            (&["--ignore-not-found=false"], "- - false false"),
            (&["widgets.example.com/a"], "widgets.example.com a false false"),
            (&["cm", "a", "b"], "\"b\": one object can be named"),
            (&["cm", "--selector"], "--selector: labels are missing"),
            (&["--all"], "--all has no meaning here; a kind, a name, --selector and --ignore-not-found have"),
        ] {
            assert_eq!(shown(flags), expected, "{flags:?}");
        }
    }
}
