//! Versions and ranges, as Helm reads them.

use expr::Version;

use crate::error::FetchError;

/// Whether a text names one version and no range, so that what it stands for stays the same.
pub(crate) fn is_exact(text: &str) -> bool {
    // `1.2` names a range of patches to Helm, as `1.2.x` does.
    let core = text.split(['-', '+']).next().unwrap_or_default();
    core.matches('.').count() == 2 && Version::parse(text).is_ok()
}

/// The highest of `versions` that `wanted` takes: the very text first, then the range; nothing named takes any release.
///
/// # Errors
/// `wanted` is no range. `Ok(None)` when none fits.
pub(crate) fn highest<'a>(
    versions: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
) -> Result<Option<&'a str>, FetchError> {
    let wanted = wanted.trim();
    if let Some(same) = versions.clone().find(|version| *version == wanted) {
        return Ok(Some(same));
    }
    let range = if wanted.is_empty() { "*" } else { wanted };
    let mut best: Option<(Version, &str)> = None;
    for text in versions {
        // An index may have versions that are none; they are taken by their text alone.
        let Ok(version) = Version::parse(text) else { continue };
        let fits = version
            .satisfies(range)
            .map_err(|error| FetchError::Version { version: wanted.to_owned(), why: error.to_string() })?;
        if fits && best.as_ref().is_none_or(|(other, _)| version.cmp_precedence(other).is_gt()) {
            best = Some((version, text));
        }
    }
    Ok(best.map(|(_, text)| text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_that_fits() {
        let there = ["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "v1.3.0", "0.1.0+a", "odd"];
        for (wanted, expected) in [
            ("1.9.0", Some("1.9.0")),
            ("1.x", Some("1.10.0")),
            ("^1.0.0", Some("1.10.0")),
            ("~1.3", Some("v1.3.0")),
            (">= 1.0, < 1.10", Some("1.9.0")),
            ("<1 || 1.3.x", Some("v1.3.0")),
            ("", Some("1.10.0")),
            (">=2.0.0-0", Some("2.0.0-rc.1")),
            ("odd", Some("odd")),
            ("3.x", None),
        ] {
            assert_eq!(highest(there.iter().copied(), wanted).unwrap(), expected, "{wanted}");
        }
        assert!(highest(there.iter().copied(), "new").unwrap_err().to_string().contains("neither"));
    }

    #[test]
    fn one_version_or_many() {
        for (text, exact) in [
            ("1.2.3", true),
            ("v1.2.3-rc.1+5", true),
            ("1.2", false),
            ("1.x", false),
            ("^1.2.3", false),
            ("main", false),
            ("", false),
        ] {
            assert_eq!(is_exact(text), exact, "{text}");
        }
    }
}
