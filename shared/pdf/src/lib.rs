#![doc = include_str!("../README.md")]

pub mod model;
mod render;

pub use model::{Alignment, Bar, BarChart, Column, Document, Fact, Table};
pub use render::{Note, RenderError, Rendered, render};
