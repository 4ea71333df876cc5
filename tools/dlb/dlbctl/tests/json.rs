// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The check of the schema can fail, and the documentation names what is in it.

use serde_json::json;

mod schema;

#[test]
fn what_does_not_fit_is_found() {
    let good = json!({ "findings": [{ "finding": "ok", "what": "x", "remedy": "" }] });
    assert_eq!(schema::faults("doctor", &good), Vec::<String>::new());
    for (bad, place) in [
        (json!([]), "doctor is []"),
        (json!({}), "doctor has no findings"),
        (json!({ "findings": {} }), "doctor.findings is {}"),
        (
            json!({ "findings": [{ "finding": "odd", "what": 1, "remedy": "" }] }),
            "doctor.findings[0].what is 1",
        ),
        (
            json!({ "findings": [{ "finding": "bad", "what": "x", "remedy": "" }] }),
            "doctor.findings[0].finding is \"bad\"",
        ),
        (
            json!({ "findings": [], "more": 1 }),
            "doctor.more must not be there",
        ),
    ] {
        let faults = schema::faults("doctor", &bad);
        assert!(
            faults.iter().any(|fault| fault.starts_with(place)),
            "{bad}: {faults:?}"
        );
    }
    assert!(!schema::faults("nothing", &good).is_empty());
}

#[test]
fn the_documentation_names_every_key() {
    fn keys(schema: &serde_json::Value, into: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            into.extend(properties.keys().cloned());
        }
        match schema {
            serde_json::Value::Object(all) => all.values().for_each(|inner| keys(inner, into)),
            serde_json::Value::Array(all) => all.iter().for_each(|inner| keys(inner, into)),
            _ => (),
        }
    }
    let text = include_str!("../../README.md");
    let schema = schema::schema();
    for (name, of_this) in schema["$defs"].as_object().unwrap() {
        // Objects of configfs have the names that they have there.
        if ["domain", "ldb_queue", "dir_queue", "ldb_port", "dir_port"].contains(&name.as_str()) {
            continue;
        }
        let mut all = Vec::new();
        keys(of_this, &mut all);
        for key in all {
            assert!(text.contains(&format!("`{key}`")), "{name}: {key}");
        }
    }
}
