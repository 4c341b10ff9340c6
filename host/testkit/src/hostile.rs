//! Hostile input for a bounded time: well-formed texts, damaged at random, handed to whatever parses them.
//!
//! Tests that use it are called `hostile_…`; `cargo xtask fuzz` runs them for as long as it is told. A failure prints the seed that brings it back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// How long an ordinary test run spends on one target.
const MOMENT: Duration = Duration::from_millis(700);
/// The seed of an ordinary test run, so that it is the same every time.
const SEED: u64 = 0x00c0_1c15;
/// An input grows no longer than this (bytes).
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Pseudo-random numbers (SplitMix64): the same seed, the same numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end` (0 when that is 0).
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % (end.max(1) as u64)).unwrap_or(0)
    }
}

/// Hands damaged copies of `corpus` to `check` until the time is over (`$COLCHIS_FUZZ_SECONDS`, else a moment). `check` panics when it finds fault.
///
/// # Panics
/// As `check` does, after printing the seed: `COLCHIS_FUZZ_SEED=<seed>` brings that very input first.
pub fn attack(target: &str, corpus: &[&[u8]], check: impl Fn(&[u8])) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let time = number("COLCHIS_FUZZ_SECONDS").map_or(MOMENT, Duration::from_secs);
    let mut seed = number("COLCHIS_FUZZ_SEED").unwrap_or(SEED);
    let begun = Instant::now();
    while begun.elapsed() < time {
        let mut random = Random::new(seed);
        let input = damaged(corpus, &mut random);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            // A test's output is what the person reads who has to find the fault.
            #[allow(clippy::print_stderr, reason = "see above")]
            {
                eprintln!("{target}: fails with COLCHIS_FUZZ_SEED={seed}: {:?}", String::from_utf8_lossy(&input));
            }
            resume_unwind(panic);
        }
        seed = seed.wrapping_add(1);
    }
}

/// One of the texts, damaged in one place or several.
fn damaged(corpus: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut input = corpus.get(random.below(corpus.len())).copied().unwrap_or_default().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(8) {
            // Cut.
            0 => input.truncate(at),
            // A part twice, or very often.
            1 => {
                let end = (at + random.below(40)).min(input.len());
                let part = input.get(at..end).unwrap_or_default().to_vec();
                let times = if random.below(8) == 0 { 2000 } else { 2 };
                let repeated = part.repeat(times.min(INPUT_BYTES_MAX / part.len().max(1)));
                input.splice(at..at, repeated);
            }
            // A part gone.
            2 => {
                let end = (at + random.below(30)).min(input.len());
                input.drain(at..end);
            }
            // A part of another text.
            3 => {
                let other = corpus.get(random.below(corpus.len())).copied().unwrap_or_default();
                let from = random.below(other.len() + 1);
                let part = other.get(from..(from + random.below(60)).min(other.len())).unwrap_or_default().to_vec();
                input.splice(at..at, part);
            }
            // Words that parsers trip over.
            4 => {
                const WORDS: &[&str] = &[
                    "{{",
                    "}}",
                    "{{=",
                    "'",
                    "\"",
                    "\\",
                    "\u{0}",
                    "\u{feff}",
                    "\u{2028}",
                    "🦀",
                    "&a [*a,*a]",
                    "<<: *a",
                    "!!binary ",
                    "---\n",
                    "...",
                    "-",
                    ": ",
                    "- ",
                    "\t",
                    "#",
                    "[",
                    "{",
                    "(",
                    "||",
                    "&&",
                    "!",
                    "..",
                    "9223372036854775808",
                    "-0",
                    "1e999",
                    ".inf",
                    "null",
                    "~",
                    "0x",
                    "%s",
                    "../",
                    "\r\n",
                ];
                let word = WORDS.get(random.below(WORDS.len())).copied().unwrap_or_default();
                input.splice(at..at, word.bytes());
            }
            // Deep nesting.
            5 => {
                let opener = *b"[{(-!\"".get(random.below(6)).unwrap_or(&b'[');
                input.splice(at..at, std::iter::repeat_n(opener, 1 << random.below(14)));
            }
            // One byte.
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = random.draw().to_le_bytes().first().copied().unwrap_or_default();
                }
            }
        }
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_input() {
        let corpus: &[&[u8]] = &[b"apiVersion: v1\nkind: ConfigMap\n", b"{{=1 + 2}}"];
        for seed in 0..200 {
            assert_eq!(damaged(corpus, &mut Random::new(seed)), damaged(corpus, &mut Random::new(seed)));
        }
    }

    #[test]
    fn a_fault_is_found_and_told() {
        let found = catch_unwind(|| attack("test", &[b"harmless"], |input| assert!(!input.contains(&b'{'))));
        assert!(found.is_err());
    }
}
