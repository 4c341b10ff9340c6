//! How steps are called: full name, path, display name, base.
//!
//! ```text
//!   release-x7k2p.build[0].compile(0:a)(1)     full name: the run's name first
//!                 build[0].compile(0:a)(1)     path
//!                          compile(0:a)(1)     display name
//!                          compile             base: without item and attempt
//! ```

use super::pattern::fits;

/// A node's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Below the run; empty for the run's own node.
    pub path: String,
    /// Within its parent; the run's own node is called `run`.
    pub display: String,
}

impl Names {
    /// Of a full name.
    pub fn of(workflow: &str, full: &str) -> Self {
        let rest = full.strip_prefix(workflow).unwrap_or(full);
        let path = rest.strip_prefix('.').unwrap_or(rest);
        if path.is_empty() || path.starts_with('(') {
            return Self { path: path.to_owned(), display: format!("run{path}") };
        }
        Self { path: path.to_owned(), display: path.get(last_part(path)..).unwrap_or(path).to_owned() }
    }

    /// Whether a name of a test file, or a pattern, means this node and no relative of it.
    pub fn is(&self, pattern: &str) -> bool {
        fits(pattern, &self.display) || fits(pattern, &self.path)
    }

    /// The same, where the items of a loop and the attempts of a retry go by the name of what they belong to.
    pub fn belongs_to(&self, pattern: &str) -> bool {
        let item = last_part(self.without_attempt());
        self.is(pattern)
            || fits(pattern, self.base())
            || fits(pattern, without_tail(&self.path))
            || fits(pattern, self.without_attempt())
            || fits(pattern, self.without_attempt().get(item..).unwrap_or_default())
    }

    /// The display name without item and attempt.
    pub fn base(&self) -> &str {
        without_tail(&self.display)
    }

    /// The number of the attempt, where the node is one: `2` of `test(0:a)(2)`.
    pub fn attempt(&self) -> Option<usize> {
        let (_, last) = self.display.strip_suffix(')')?.rsplit_once('(')?;
        last.parse().ok()
    }

    /// The path without the number of the attempt.
    pub fn without_attempt(&self) -> &str {
        match self.attempt() {
            Some(_) => self.path.rsplit_once('(').map_or(&self.path, |(before, _)| before),
            None => &self.path,
        }
    }
}

/// Where the last part of a path begins. Items may hold dots: those between parentheses do not count.
fn last_part(path: &str) -> usize {
    let (mut depth, mut begins) = (0_usize, 0);
    for (at, c) in path.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => begins = at + 1,
            _ => {}
        }
    }
    begins
}

fn without_tail(name: &str) -> &str {
    let begins = last_part(name);
    let last = name.get(begins..).unwrap_or_default();
    match last.find('(') {
        Some(at) => name.get(..begins + at).unwrap_or(name),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_known_by_several_names() {
        for (full, path, display, base, attempt, whole) in [
            ("wf", "", "run", "run", None, ""),
            ("wf(0)", "(0)", "run(0)", "run", Some(0), ""),
            ("wf.a", "a", "a", "a", None, "a"),
            ("wf[0].a", "[0].a", "a", "a", None, "[0].a"),
            ("wf.a[1].b(0:v1.2)(3)", "a[1].b(0:v1.2)(3)", "b(0:v1.2)(3)", "b", Some(3), "a[1].b(0:v1.2)"),
            ("wf.a(0:x.y).b", "a(0:x.y).b", "b", "b", None, "a(0:x.y).b"),
            ("wf.a(2:7)", "a(2:7)", "a(2:7)", "a", None, "a(2:7)"),
        ] {
            let names = Names::of("wf", full);
            let got = (names.path.as_str(), names.display.as_str(), names.base(), names.attempt());
            assert_eq!(got, (path, display, base, attempt), "{full}");
            assert_eq!(names.without_attempt(), whole, "{full}");
        }
    }

    #[test]
    fn items_and_attempts_belong_to_their_step() {
        let names = Names::of("wf", "wf[0].build(1:b)(0)");
        assert!(names.belongs_to("build") && names.belongs_to("[0].build") && names.belongs_to("build(1:b)(0)"));
        assert!(names.belongs_to("build(1:b)") && names.belongs_to("[0].build(1:b)"));
        assert!(!names.is("build") && names.is("build(1:*") && !names.belongs_to("buil"));
    }
}
