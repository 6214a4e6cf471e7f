//! `config.json`: the programs, where their files lie, and which compounds of dimensions they want.

use serde_json::Value;

use super::super::place::{Finding, Place};
use super::super::{Draft, Order, SourceFile};
use crate::problem::quoted;

/// The programs of a `config.json`; empty where there is none.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) programs: Vec<Program>,
    is_there: bool,
}

/// A program.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    pub(super) namespace: String,
    /// The folder of its files: the last part of its path.
    folder: String,
    pub(super) compounds: Vec<Compound>,
    /// Compounds, and single dimensions, that it does not want.
    pub(super) unwanted: Vec<Vec<String>>,
}

/// Dimensions that it wants a dataset by, together.
#[derive(Debug)]
pub(super) struct Compound {
    pub(super) dimensions: Vec<String>,
    pub(super) place: Place,
}

impl Config {
    /// Reads the file.
    pub(super) fn read(file: &SourceFile, draft: &mut Draft) -> Result<Self, Vec<Finding>> {
        let whole = Place::of_file(&file.name);
        let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let config: Value = serde_json::from_str(text).map_err(|error| {
            let place = whole.at_line(error.line() as u64);
            vec![Finding::new(place, "bad_json", format!("is no JSON: {error}"))]
        })?;
        if config.pointer("/globals/onlyCreateWhitelisted") == Some(&Value::Bool(false)) {
            let place = whole.member("globals").member("onlyCreateWhitelisted");
            draft.note(
                place,
                "not_taken_over",
                "no compounds are made beyond those that are whitelisted",
            );
        }
        let at = whole.member("programs");
        let Some(listed) = config.get("programs").and_then(Value::as_array) else {
            return Err(vec![Finding::new(at, "wrong_type", "must be a list of programs")]);
        };
        let mut programs = Vec::new();
        let mut findings = Vec::new();
        for (index, program) in listed.iter().enumerate() {
            match Program::read(program, &at.item(index)) {
                Ok(program) => programs.push(program),
                Err(finding) => findings.push(finding),
            }
        }
        match findings.is_empty() {
            true => Ok(Self {
                programs,
                is_there: true,
            }),
            false => Err(findings),
        }
    }

    /// The namespace of the program that a file belongs to: by the file's folder, else the program that the order names, else the
    /// only one there is. Without a `config.json`, what the order names, else nothing.
    pub(super) fn namespace(&self, file: &SourceFile, order: &Order) -> Result<Option<String>, Finding> {
        let named = order.program.as_deref();
        if !self.is_there {
            return Ok(named.map(str::to_owned));
        }
        let mut parts = file.name.rsplit(['/', '\\']).skip(1);
        let folder = parts.next();
        let by_folder =
            folder.and_then(|folder| self.programs.iter().find(|program| program.folder == folder));
        let by_name = named.and_then(|named| {
            let mut programs = self.programs.iter();
            programs.find(|program| program.namespace == named || program.name == named)
        });
        let only = match &self.programs[..] {
            [only] => Some(only),
            _ => None,
        };
        match by_folder.or(by_name).or(only) {
            Some(program) => Ok(Some(program.namespace.clone())),
            None => {
                let reason = "no program of config.json has its files in this file's folder; keep the folder in the file's name";
                Err(Finding::new(
                    Place::of_file(&file.name),
                    "unknown_program",
                    reason,
                ))
            }
        }
    }

    /// The program of a namespace.
    pub(super) fn program(&self, namespace: Option<&str>) -> Option<&Program> {
        let namespace = namespace?;
        self.programs
            .iter()
            .find(|program| program.namespace == namespace)
    }
}

impl Program {
    fn read(program: &Value, at: &Place) -> Result<Self, Finding> {
        let text = |pointer: &str| {
            let found = program
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default();
            found.trim().to_owned()
        };
        let namespace = text("/namespace");
        if namespace.is_empty() {
            let reason = "must be a text: the names of the program's specs begin with it";
            return Err(Finding::new(at.member("namespace"), "wrong_type", reason));
        }
        let path = text("/input/files");
        let at_dimensions = at.member("dimensions");
        let compounds = list(program, "whitelisted", &at_dimensions)?;
        let unwanted = list(program, "blacklisted", &at_dimensions)?;
        Ok(Self {
            name: text("/name"),
            namespace,
            folder: path
                .trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
            compounds,
            unwanted: unwanted.into_iter().map(|compound| compound.dimensions).collect(),
        })
    }
}

fn list(program: &Value, member: &str, at: &Place) -> Result<Vec<Compound>, Finding> {
    let at = at.member(member);
    let Some(listed) = program.pointer(&format!("/dimensions/{member}")) else {
        return Ok(Vec::new());
    };
    let wrong = |at: &Place| {
        Finding::new(
            at.clone(),
            "wrong_type",
            "must be a list of texts as \"gender,district\"",
        )
    };
    let listed = listed.as_array().ok_or_else(|| wrong(&at))?;
    let compound = |(index, item): (usize, &Value)| {
        let place = at.item(index);
        let text = item.as_str().ok_or_else(|| wrong(&place))?;
        let dimensions: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        if dimensions.iter().any(String::is_empty) {
            let reason = format!("{} names an empty dimension", quoted(text));
            return Err(Finding::new(place, "no_name", reason));
        }
        Ok(Compound { dimensions, place })
    };
    listed.iter().enumerate().map(compound).collect()
}
