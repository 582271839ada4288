use super::*;

#[test]
fn what_is_stored_is_there_when_a_list_is_registered_again() {
    let mut lists = OperatorLists::new();
    let numbers = lists.list::<u64>("numbers").unwrap();
    let seen = lists.union_list::<String>("seen").unwrap();
    numbers.extend(&mut lists, [1, 2, 3]);
    seen.add(&mut lists, "a".to_owned());
    let stored = lists.store().unwrap();
    assert_eq!((stored.elements.len(), stored.union_elements.len()), (3, 1));

    let mut restored = OperatorLists::new();
    restored.restore(stored.clone()).unwrap();
    let numbers = restored.list::<u64>("numbers").unwrap();
    assert_eq!(numbers.get(&restored), [1, 2, 3]);
    numbers.get_mut(&mut restored).retain(|number| *number != 2);
    assert_eq!(numbers.take(&mut restored), [1, 3]);
    assert!(numbers.is_empty(&restored));
    // What nobody has asked for stays.
    let kept = restored.store().unwrap();
    assert_eq!(kept.union_elements, stored.union_elements);
    assert_eq!(restored.union_list::<String>("seen").unwrap().get(&restored), ["a"]);
}

#[test]
fn lists_of_other_types_are_refused() {
    let mut lists = OperatorLists::new();
    lists.list::<u64>("numbers").unwrap();
    let error = lists.union_list::<u64>("numbers").unwrap_err().to_string();
    assert!(error.contains("already registered as a split list state of u64"), "{error}");
    lists.list::<String>("numbers").unwrap_err();
    let numbers = lists.list::<u64>("numbers").unwrap();
    numbers.add(&mut lists, 7);

    let mut restored = OperatorLists::new();
    restored.restore(lists.store().unwrap()).unwrap();
    let error = restored.list::<String>("numbers").unwrap_err().to_string();
    assert!(error.contains("`numbers` cannot be restored"), "{error}");
    let error = restored.union_list::<u64>("numbers").unwrap_err().to_string();
    assert!(error.contains("give the new one another name"), "{error}");
    let numbers = restored.list::<u64>("numbers").unwrap();
    assert_eq!(numbers.get(&restored), [7]);
}

#[test]
fn damaged_elements_are_refused() {
    let mut lists = OperatorLists::new();
    let words = lists.list::<String>("words").unwrap();
    words.add(&mut lists, "word".to_owned());
    let whole = lists.store().unwrap();
    let mut cut = whole.clone();
    cut.elements[0].bytes.pop();
    let mut restored = OperatorLists::new();
    restored.restore(cut).unwrap();
    let error = restored.list::<String>("words").unwrap_err().to_string();
    assert!(error.contains("`words` is damaged at byte"), "{error}");

    let foreign = StoredLists { descriptions: Vec::new(), ..whole };
    let error = OperatorLists::new().restore(foreign).unwrap_err().to_string();
    assert!(error.contains("nothing says of which type"), "{error}");
}
