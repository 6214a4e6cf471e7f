//! From the drawn pages to the bytes of the file.
//!
//! `printpdf` makes the objects. What it would make different in each process (the file's identifiers) or say that is
//! not so (a date of 1970, a PDF/X version) is replaced or taken out here, and the streams are compressed here: the font
//! programs once a process, the rest with a compressor whose output no other crate's choice of features can change.

use lopdf::{Dictionary, Object, Stream, StringFormat};
use miniz_oxide::deflate::compress_to_vec_zlib;
use printpdf::{PdfDocument, PdfFont, PdfPage, PdfSaveOptions};
use sha2::{Digest, Sha256};

use crate::font::{Cut, cut};
use crate::page::{Levels, font_id};
use crate::render::RenderError;

/// Twice the speed of the best for 3 % more bytes.
const COMPRESSION: u8 = 5;

/// Compresses a stream.
pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(bytes, COMPRESSION)
}

/// What the file says of itself.
pub(crate) struct About<'a> {
    pub(crate) title: &'a str,
    pub(crate) language: &'a str,
}

/// Writes the file.
pub(crate) fn file(about: &About<'_>, pages: Vec<PdfPage>, levels: Levels) -> Result<Vec<u8>, RenderError> {
    let mut cuts = Vec::new();
    let mut printed = PdfDocument::new(about.title);
    about.producer(&mut printed);
    for (weight, script, level) in levels.cuts() {
        let cut = cut(weight, script, level)?;
        cuts.push(cut);
        let font = PdfFont::new(cut.parsed.clone());
        printed.resources.fonts.map.insert(font_id(weight, script), font);
    }
    printed.pages = pages;
    let options = PdfSaveOptions {
        optimize: false,
        subset_fonts: false,
        secure: true,
        image_optimization: None,
    };
    let mut objects = printed.to_lopdf_document(&options, &mut Vec::new());
    drop(printed);
    let identifier = compress(&mut objects, &cuts);
    describe(&mut objects, about, &identifier).ok_or(RenderError::File)?;
    let mut bytes = Vec::new();
    match objects.save_to(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(RenderError::File),
    }
}

impl About<'_> {
    fn producer(&self, printed: &mut PdfDocument) {
        let info = &mut printed.metadata.info;
        "Millrace".clone_into(&mut info.creator);
        "printpdf".clone_into(&mut info.producer);
    }
}

/// Compresses the streams; gives a hash of what they hold.
fn compress(objects: &mut lopdf::Document, cuts: &[&'static Cut]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for object in objects.objects.values_mut() {
        let Object::Stream(stream) = object else { continue };
        let known = cuts
            .iter()
            .find(|cut| cut.parsed.original_bytes == stream.content);
        let compressed = match known {
            Some(cut) => cut.deflated.clone(),
            None => {
                hash.update(&stream.content);
                deflated(&stream.content)
            }
        };
        replace(stream, compressed);
    }
    hash.finalize().iter().take(16).copied().collect()
}

fn replace(stream: &mut Stream, compressed: Vec<u8>) {
    stream.dict.set("Filter", Object::Name(b"FlateDecode".to_vec()));
    stream
        .dict
        .set("Length", i64::try_from(compressed.len()).unwrap_or(i64::MAX));
    stream.content = compressed;
    stream.allows_compression = false;
}

/// Sets what `printpdf` cannot, and takes out what is not so.
fn describe(objects: &mut lopdf::Document, about: &About<'_>, identifier: &[u8]) -> Option<()> {
    "1.7".clone_into(&mut objects.version);
    let identifier = Object::String(identifier.to_vec(), StringFormat::Hexadecimal);
    objects.trailer.set("ID", vec![identifier.clone(), identifier]);

    let info = objects.trailer.get(b"Info").and_then(Object::as_reference).ok()?;
    let info = objects.get_dictionary_mut(info).ok()?;
    for untrue in [
        "CreationDate",
        "ModDate",
        "GTS_PDFXVersion",
        "Trapped",
        "Identifier",
    ] {
        info.remove(untrue.as_bytes());
    }
    for (name, is_empty) in [
        ("Author", true),
        ("Subject", true),
        ("Keywords", true),
        ("Title", about.title.is_empty()),
    ] {
        if is_empty {
            info.remove(name.as_bytes());
        }
    }

    let catalog = objects.trailer.get(b"Root").and_then(Object::as_reference).ok()?;
    let catalog = objects.get_dictionary_mut(catalog).ok()?;
    let language = about.language.as_bytes().to_vec();
    catalog.set("Lang", Object::String(language, StringFormat::Literal));
    if !about.title.is_empty() {
        let mut viewer = Dictionary::new();
        viewer.set("DisplayDocTitle", true);
        catalog.set("ViewerPreferences", viewer);
    }
    Some(())
}
