//! Pages filled from the top down.

use printpdf::PdfPage;

use crate::font::Faces;
use crate::limits::{MAX_PAGES, MAX_RUNS};
use crate::page::{Color, Levels, Page, PageSize, Style};
use crate::render::RenderError;

/// The pages so far, and how far the last one is filled.
pub(crate) struct Flow {
    faces: Faces,
    size: PageSize,
    pages: Vec<Page>,
    /// From the top of the last page.
    y: f32,
    /// Pieces of text on the pages before the last.
    runs: usize,
}

impl Flow {
    pub(crate) fn new(faces: Faces, size: PageSize) -> Self {
        Self {
            faces,
            size,
            pages: vec![Page::new(size)],
            y: size.top(),
            runs: 0,
        }
    }

    pub(crate) fn faces(&self) -> Faces {
        self.faces
    }

    pub(crate) fn size(&self) -> PageSize {
        self.size
    }

    /// How far the page is filled.
    pub(crate) fn y(&self) -> f32 {
        self.y
    }

    /// What is left of the page.
    pub(crate) fn rest(&self) -> f32 {
        self.size.bottom() - self.y
    }

    /// Whether nothing is on the page yet.
    pub(crate) fn is_at_top(&self) -> bool {
        self.y <= self.size.top()
    }

    /// Goes down.
    pub(crate) fn skip(&mut self, height: f32) {
        self.y += height;
    }

    /// Starts a page.
    pub(crate) fn turn(&mut self) -> Result<(), RenderError> {
        if self.pages.len() >= MAX_PAGES {
            return Err(RenderError::TooManyPages);
        }
        self.runs += self.pages.last().map_or(0, Page::runs);
        if self.runs > MAX_RUNS {
            return Err(RenderError::TooManyRuns);
        }
        self.pages.push(Page::new(self.size));
        self.y = self.size.top();
        Ok(())
    }

    /// Starts a page if less than `height` is left of this one.
    pub(crate) fn need(&mut self, height: f32) -> Result<(), RenderError> {
        if self.rest() < height && !self.is_at_top() {
            self.turn()?;
        }
        Ok(())
    }

    /// Writes at a place of the last page; `below` is from how far it is filled to the top of the line.
    pub(crate) fn write(&mut self, style: Style, x: f32, below: f32, text: &str) {
        let (faces, y) = (self.faces, self.y + below + style.ascent());
        if let Some(page) = self.pages.last_mut() {
            page.write(faces, style, x, y, text);
        }
    }

    /// Fills a rectangle of the last page behind the rules, from how far it is filled.
    pub(crate) fn band(&mut self, color: Color, left: f32, below: f32, width: f32, height: f32) {
        let top = self.y + below;
        if let Some(page) = self.pages.last_mut() {
            page.band(color, left, top, width, height);
        }
    }

    /// The same in front of the rules.
    pub(crate) fn bar(&mut self, color: Color, left: f32, below: f32, width: f32, height: f32) {
        let top = self.y + below;
        if let Some(page) = self.pages.last_mut() {
            page.bar(color, left, top, width, height);
        }
    }

    /// Draws a line on the last page, from how far it is filled.
    pub(crate) fn rule(&mut self, color: Color, thickness: f32, from: (f32, f32), to: (f32, f32)) {
        let y = self.y;
        if let Some(page) = self.pages.last_mut() {
            page.rule(color, thickness, (from.0, from.1 + y), (to.0, to.1 + y));
        }
    }

    /// All pages.
    pub(crate) fn pages_mut(&mut self) -> &mut [Page] {
        &mut self.pages
    }

    /// The pages as `printpdf` takes them, and which cuts they need.
    pub(crate) fn finish(self) -> (Vec<PdfPage>, Levels) {
        let mut levels = Levels::default();
        let pages = self.pages.into_iter();
        (pages.map(|page| page.finish(&mut levels)).collect(), levels)
    }
}
