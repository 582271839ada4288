//! Examples that end by themselves, and what they must write.

/// What the word counts count.
pub(super) const TEXT: &str = "to be or not\nto be\tto be or not to be\n";

/// Stands for the path of the text among the arguments.
const INPUT: &str = "INPUT";

/// An example with arguments.
pub(super) struct Bounded {
    pub(super) name: &'static str,
    args: &'static [&'static str],
    /// The lines that it writes, sorted.
    expected: &'static [&'static str],
}

pub(super) const BOUNDED: [Bounded; 7] = [
    Bounded { name: "word-count", args: &["--input", INPUT], expected: &["be 4", "not 2", "or 2", "to 4"] },
    Bounded {
        name: "window-word-count",
        args: &["--window", "3", "--slide", "2", "--input", INPUT],
        expected: &["be 2", "be 3", "not 2", "or 2", "to 2", "to 3"],
    },
    Bounded {
        name: "session-windowing",
        args: &[],
        expected: &["(a,1,1)", "(a,10,1)", "(b,1,3)", "(c,11,1)", "(c,6,1)"],
    },
    Bounded {
        name: "life-expectancy-tracking",
        args: &["--region", "Oceania", "--from", "1990"],
        expected: &["Oceania 1990: 78.2", "Oceania 2000: 80.0", "Oceania 2010: 81.5", "Oceania 2020: 82.5"],
    },
    // The others make up their input, the same in each run. Their own tests hold it against plain Rust.
    Bounded {
        name: "top-speed-windowing",
        args: &["--count", "40", "--rate", "1000000"],
        expected: &[
            "(0,50,155.55555555555554,12000)",
            "(0,50,50,4000)",
            "(0,55,115.27777777777777,9000)",
            "(0,55,115.27777777777777,9000)",
            "(1,55,152.77777777777777,11000)",
            "(1,55,41.666666666666664,3000)",
            "(1,55,41.666666666666664,3000)",
            "(1,55,97.22222222222221,7000)",
        ],
    },
    Bounded {
        name: "window-join",
        args: &["--count", "18", "--rate", "6"],
        expected: &[
            "(alice,4,4147)",
            "(alice,4,5465)",
            "(alice,4,5472)",
            "(bob,1,3272)",
            "(bob,1,6815)",
            "(bob,1,7622)",
            "(bob,1,9447)",
            "(bob,3,5248)",
            "(jerry,2,8732)",
            "(jerry,5,8732)",
            "(john,5,2142)",
            "(john,5,419)",
            "(john,5,419)",
            "(john,5,657)",
            "(john,5,657)",
            "(john,5,6730)",
            "(tom,3,5756)",
            "(tom,3,6541)",
            "(tom,5,5756)",
            "(tom,5,6541)",
        ],
    },
    Bounded {
        name: "state-machine",
        args: &["--count", "1000", "--rps", "1000000", "--error-rate", "0.01"],
        expected: &[
            "ALERT 104.126.162.138 : W -> c",
            "ALERT 113.87.70.222 : W -> d",
            "ALERT 155.181.121.0 : X -> e",
            "ALERT 202.113.43.102 : W -> a",
            "ALERT 22.56.101.159 : X -> g",
            "ALERT 23.44.50.44 : X -> e",
            "ALERT 80.48.74.32 : W -> d",
            "ALERT 94.104.49.223 : W -> a",
        ],
    },
];

impl Bounded {
    /// Its arguments, to read this text.
    pub(super) fn args<'a>(&self, text: &'a str) -> Vec<&'a str> {
        self.args.iter().map(|&arg| if arg == INPUT { text } else { arg }).collect()
    }

    #[track_caller]
    pub(super) fn check(&self, lines: &[String]) {
        assert_eq!(lines, self.expected, "of {}", self.name);
    }
}
