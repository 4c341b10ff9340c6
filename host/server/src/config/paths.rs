//! Where things lie unless told otherwise, by the XDG base directory rules.

use std::path::{Path, PathBuf};

use cli::settings::Origin;

/// The folders of the process's user.
#[derive(Debug, Clone)]
pub struct Places {
    config_home: PathBuf,
    data_home: PathBuf,
    home: Option<PathBuf>,
}

impl Places {
    /// As the environment says.
    pub fn of_process() -> Self {
        Self::from_env(&|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// The rule, with the environment passed in.
    pub fn from_env(env: &dyn Fn(&str) -> Option<PathBuf>) -> Self {
        // The specification has relative paths ignored.
        let absolute = |name: &str| env(name).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let below = |name: &str, fallback: &str| {
            absolute(name).unwrap_or_else(|| home.clone().unwrap_or_else(std::env::temp_dir).join(fallback))
        };
        Self {
            config_home: below("XDG_CONFIG_HOME", ".config"),
            data_home: below("XDG_DATA_HOME", ".local/share"),
            home,
        }
    }

    /// `~/.config/colchis/config.yaml`.
    pub fn config_file(&self) -> PathBuf {
        self.config_home.join("colchis").join("config.yaml")
    }

    /// `~/.local/share/colchis`.
    pub fn data_dir(&self) -> PathBuf {
        self.data_home.join("colchis")
    }

    /// A path as it was written: `~/` is the home folder, and what a file says is relative to that file.
    pub fn resolve(&self, written: &str, origin: &Origin) -> PathBuf {
        if let (Some(rest), Some(home)) = (written.strip_prefix("~/"), &self.home) {
            return home.join(rest);
        }
        match origin {
            Origin::File { path, .. } => Path::new(path).parent().unwrap_or(Path::new("")).join(written),
            _ => PathBuf::from(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(env: &[(&str, &str)]) -> Places {
        Places::from_env(&|name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v)))
    }

    #[test]
    fn xdg_wins_over_home() {
        let plain = places(&[("HOME", "/h")]);
        assert_eq!(plain.config_file(), Path::new("/h/.config/colchis/config.yaml"));
        assert_eq!(plain.data_dir(), Path::new("/h/.local/share/colchis"));
        let set = places(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "relative")]);
        assert_eq!(set.data_dir(), Path::new("/d/colchis"));
        assert_eq!(set.config_file(), Path::new("/h/.config/colchis/config.yaml"));
    }

    #[test]
    fn what_a_file_says_is_relative_to_it() {
        let places = places(&[("HOME", "/h")]);
        let file = Origin::File { path: "/etc/colchis/config.yaml".into(), line: 1 };
        assert_eq!(places.resolve("tls/cert.pem", &file), Path::new("/etc/colchis/tls/cert.pem"));
        assert_eq!(places.resolve("/a/b", &file), Path::new("/a/b"));
        assert_eq!(places.resolve("~/x", &file), Path::new("/h/x"));
        assert_eq!(places.resolve("x", &Origin::Default), Path::new("x"));
    }
}
