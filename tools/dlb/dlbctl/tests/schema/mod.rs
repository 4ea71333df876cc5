// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Checks JSON against `schema.json`, of which it knows the keywords that are used there.

use serde_json::Value;

/// The schema, as it is installed.
pub fn schema() -> Value {
    serde_json::from_str(include_str!("../../schema.json")).expect("the schema is JSON")
}

/// What is wrong with what a command has printed, by place. Commands of two words have a dash.
pub fn faults(command: &str, value: &Value) -> Vec<String> {
    let schema = schema();
    let Some(of_command) = schema["$defs"].get(command) else {
        return vec![format!("there is no schema of {command}")];
    };
    let mut faults = Vec::new();
    check(&schema, of_command, value, command, &mut faults);
    faults
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => panic!("the schema knows no {kind}"),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let keywords = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return faults.push(format!("{place} must not be there")),
        _ => schema.as_object().expect("a schema is an object"),
    };
    for (keyword, what) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let name = what.as_str().and_then(|path| path.strip_prefix("#/$defs/"));
                check(root, &root["$defs"][name.unwrap()], value, place, faults);
            }
            "type" => {
                let kinds = what.as_str().into_iter();
                let mut kinds = kinds.chain(list(what).filter_map(Value::as_str));
                if !kinds.any(|kind| is(value, kind)) {
                    faults.push(format!("{place} is {value}, which is no {what}"));
                }
            }
            "enum" => {
                if !list(what).any(|one| one == value) {
                    faults.push(format!("{place} is {value}, which is none of {what}"));
                }
            }
            "anyOf" => {
                let fits = |one: &Value| {
                    let mut faults = Vec::new();
                    check(root, one, value, place, &mut faults);
                    faults.is_empty()
                };
                if !list(what).any(fits) {
                    faults.push(format!("{place} is {value}, which is none of {what}"));
                }
            }
            "required" => {
                for name in list(what).filter_map(Value::as_str) {
                    if value.get(name).is_none() {
                        faults.push(format!("{place} has no {name}"));
                    }
                }
            }
            "items" => {
                for (at, one) in list(value).enumerate() {
                    check(root, what, one, &format!("{place}[{at}]"), faults);
                }
            }
            "properties" | "additionalProperties" => {
                let known = keywords.get("properties");
                for (name, one) in value.as_object().into_iter().flatten() {
                    let of_this = known.and_then(|known| known.get(name));
                    let schema = match (keyword.as_str(), of_this) {
                        ("properties", Some(schema)) => schema,
                        ("additionalProperties", None) => what,
                        _ => continue,
                    };
                    check(root, schema, one, &format!("{place}.{name}"), faults);
                }
            }
            other => panic!("the schema uses {other}, which is not checked"),
        }
    }
}
