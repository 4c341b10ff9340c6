//! Counting what the test binaries say of themselves.

/// The sum over all test binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) ignored: usize,
    /// The names of those that failed.
    pub(super) failures: Vec<String>,
}

impl Counts {
    /// Reads one line of output; all but libtest's own lines are passed over.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |word: &str| {
                rest.split([';', '.'])
                    .filter_map(|part| part.trim().strip_suffix(word))
                    .find_map(|n| n.trim().parse::<usize>().ok())
                    .unwrap_or(0)
            };
            self.passed += number("passed");
            self.failed += number("failed");
            self.ignored += number("ignored");
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
    }

    /// Tests that ended early because something they need is missing: libtest counted them as passed.
    pub(super) fn skipped_inside(&mut self, count: usize) {
        let moved = count.min(self.passed);
        self.passed -= moved;
        self.ignored += moved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_summed() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test a::b ... ok",
            "test a::c ... FAILED",
            "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.03s",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.03s",
        ] {
            counts.read(line);
        }
        counts.skipped_inside(1);
        assert_eq!(counts, Counts { passed: 14, failed: 1, ignored: 3, failures: vec!["a::c".into()] });
    }
}
