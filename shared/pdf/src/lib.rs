#![doc = include_str!("../README.md")]

mod axis;
mod chart;
mod file;
mod flow;
mod font;
mod head;
pub mod limits;
pub mod model;
mod number;
mod page;
mod prepared;
mod render;
mod table;
mod text;

pub use model::{Alignment, Bar, BarChart, Column, Document, Fact, Table};
pub use render::{Note, Place, RenderError, Rendered, render};
