/// Labels that are being changed: looked up, set and removed by name. An empty value is none.
package struct MutableLabels: Sendable {
    private var fields: [(name: String, value: String)]

    package init(_ labels: Labels = .empty) { fields = labels.pairs }

    /// The value of `name`, empty when there is none. O(number of labels).
    package subscript(name: String) -> String {
        get { index(of: name).map { fields[$0].value } ?? "" }
        set {
            switch (index(of: name), newValue.isEmpty) {
            case (let index?, true): fields.remove(at: index)
            case (let index?, false): fields[index].value = newValue
            case (nil, true): break
            case (nil, false): fields.append((name, newValue))
            }
        }
    }

    /// As they are now, by the bytes of their names.
    package var pairs: [(name: String, value: String)] {
        fields.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The canonical set.
    package var labels: Labels { Labels(fields.map { ($0.name, $0.value) }) }

    /// Texts that only look the same are different names.
    private func index(of name: String) -> Int? {
        fields.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
    }
}
