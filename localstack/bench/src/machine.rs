//! The machine that figures were taken on.

use std::process::Command;

use serde::Serialize;

/// What a reader has to know of the machine.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// The system.
    pub system: String,
    /// The compiler.
    pub compiler: String,
    /// Load of the last minute when the run began: what else was going on.
    pub load: f64,
}

impl Machine {
    /// This machine; what it does not say is left blank.
    #[must_use]
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let output = Command::new("rustc").arg("--version").output();
        let compiler = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let load = read("/proc/loadavg");
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: kib(&field(&read("/proc/meminfo"), "MemTotal")) / 1024,
            system: format!(
                "{} {}",
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim()
            ),
            compiler: compiler.unwrap_or_default(),
            load: load
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
        }
    }

    /// In words, with a warning when the machine is busy.
    #[must_use]
    pub fn describe(&self) -> String {
        let busy = if self.load > 0.5 {
            ": BUSY, do not quote these figures"
        } else {
            ""
        };
        format!(
            "{}, {} cores, {} MiB, {}, {}, load {:.2}{busy}",
            self.processor, self.cores, self.memory_mib, self.system, self.compiler, self.load
        )
    }
}

fn field(text: &str, name: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.trim() == name);
    found
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

fn kib(text: &str) -> u64 {
    text.split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{field, kib};

    #[test]
    fn fields_are_found_by_name() {
        let text = "MemFree:  12 kB\nMemTotal:       24737568 kB\nmodel name\t: A processor: fast\n";
        assert_eq!(kib(&field(text, "MemTotal")), 24_737_568);
        assert_eq!(field(text, "model name"), "A processor: fast");
        assert_eq!(field(text, "flags"), "");
    }
}
