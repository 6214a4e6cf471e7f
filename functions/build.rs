//! The build script of every function, and of the hello-world that the bench compares them with.
//!
//! It links the program at a fixed address. As a position-independent one it starts with up to 46,000 relocations, a third
//! of a cold start (`infra/performance.md`). Stack, heap and libraries stay where chance puts them.

fn main() {
    println!("cargo::rerun-if-env-changed=CARGO_CFG_TARGET_OS");
    #[expect(
        clippy::disallowed_methods,
        reason = "how cargo tells a build script its target"
    )]
    let target = std::env::var("CARGO_CFG_TARGET_OS");
    if target.is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
