//! The difference of two JSON values as a merge patch: what the page of a report assigns to get from one moment to the next.
//!
//! As RFC 7396, with one addition: a patch of an array is an object whose names are indices, so that one changed story does not repeat all.
//! An array that becomes shorter is replaced.

use serde_json::{Map, Value};

/// What makes `before` into `after`; `None` when they are equal.
pub(super) fn difference(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        _ if before == after => None,
        (Value::Object(before), Value::Object(after)) => Some(Value::Object(object_difference(before, after))),
        (Value::Array(before), Value::Array(after)) if before.len() <= after.len() => {
            let mut patch = Map::new();
            for (index, value) in after.iter().enumerate() {
                let change = match before.get(index) {
                    Some(old) => difference(old, value),
                    None => Some(value.clone()),
                };
                patch.extend(change.map(|change| (index.to_string(), change)));
            }
            Some(Value::Object(patch))
        }
        _ => Some(after.clone()),
    }
}

/// Does what the page does with a patch: `report/html/report.js`.
pub(super) fn apply(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Array(values), Value::Object(patch)) => {
            // Indices in their order: "10" is behind "9".
            let mut changes: Vec<(usize, &Value)> =
                patch.iter().filter_map(|(index, change)| Some((index.parse().ok()?, change))).collect();
            changes.sort_by_key(|(index, _)| *index);
            for (index, change) in changes {
                if index >= values.len() {
                    values.push(Value::Null);
                }
                if let Some(value) = values.get_mut(index) {
                    apply(value, change);
                }
            }
        }
        (Value::Object(fields), Value::Object(patch)) => {
            for (name, change) in patch {
                match change {
                    Value::Null => drop(fields.remove(name)),
                    change => apply(fields.entry(name.as_str()).or_insert(Value::Null), change),
                }
            }
        }
        (target, patch @ Value::Object(_)) => {
            *target = Value::Object(Map::new());
            apply(target, patch);
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn object_difference(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (name, value) in after {
        let change = match before.get(name) {
            Some(old) => difference(old, value),
            None => Some(value.clone()),
        };
        patch.extend(change.map(|change| (name.clone(), change)));
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    patch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn patched(before: &Value, patch: &Value) -> Value {
        let mut after = before.clone();
        apply(&mut after, patch);
        after
    }

    #[test]
    fn only_what_changed_is_named() {
        let before = json!({"a": 1, "list": [{"status": "open", "title": "x"}, {"status": "open"}], "gone": true});
        let after = json!({"a": 1, "list": [{"status": "passed", "title": "x"}, {"status": "open"}, {"new": 1}]});
        let patch = difference(&before, &after).expect("they differ");
        assert_eq!(patch, json!({"list": {"0": {"status": "passed"}, "2": {"new": 1}}, "gone": null}));
        assert_eq!(patched(&before, &patch), after);
        assert_eq!(difference(&after, &after), None);
    }

    /// As states have them: no `null`, and no array that turns into an object.
    fn objects() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-c]", values(), 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), (0..4u8).prop_map(Value::from), "[ab]{0,2}".prop_map(Value::from)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]
        #[test]
        fn a_patch_leads_from_one_to_the_other(before in objects(), after in objects()) {
            prop_assume!(!any_pair(&before, &after, &is_of_other_kind));
            match difference(&before, &after) {
                Some(patch) => prop_assert_eq!(patched(&before, &patch), after),
                None => prop_assert_eq!(before, after),
            }
        }
    }

    /// A field that turns from one kind of value into another cannot be told from one whose parts change: no field of a state does that.
    fn is_of_other_kind(before: &Value, after: &Value) -> bool {
        (before.is_array(), before.is_object()) != (after.is_array(), after.is_object())
    }

    fn any_pair(before: &Value, after: &Value, test: &dyn Fn(&Value, &Value) -> bool) -> bool {
        test(before, after)
            || match (before, after) {
                (Value::Object(before), Value::Object(after)) => {
                    after.iter().any(|(name, value)| before.get(name).is_some_and(|old| any_pair(old, value, test)))
                }
                (Value::Array(before), Value::Array(after)) => before.iter().zip(after).any(|(old, value)| any_pair(old, value, test)),
                _ => false,
            }
    }
}
