/// Whose data it is. Every series, stream, query and limit belongs to one tenant.
package struct Tenant: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let name: String

    package static let standard = Tenant(unchecked: "default")
    package static let nameBytesMax = 150

    private init(unchecked name: String) { self.name = name }

    /// Nil when `name` is empty, longer than 150 bytes, `.` or `..`, or holds a character other
    /// than letters, digits and `!-_.*'()`: the rule of Loki and Mimir for `X-Scope-OrgID`.
    package init?(_ name: String) {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            case 0x21, 0x2D, 0x5F, 0x2E, 0x2A, 0x27, 0x28, 0x29: true
            default: false
            }
        }
        guard allowed, !name.isEmpty, name.utf8.count <= Tenant.nameBytesMax,
            name != ".", name != ".."
        else { return nil }
        self.name = name
    }

    private static let exemplarSuffix = "!exemplars"

    /// Where the exemplars of this tenant's series are kept; nil when its name leaves no room.
    package var exemplars: Tenant? {
        guard name.utf8.count + Tenant.exemplarSuffix.utf8.count <= Tenant.nameBytesMax else {
            return nil
        }
        return Tenant(unchecked: name + Tenant.exemplarSuffix)
    }

    /// Whether it is one that holds another's exemplars: nobody outside may name it.
    package var holdsExemplars: Bool { name.hasSuffix(Tenant.exemplarSuffix) }

    package var description: String { name }

    package static func < (a: Tenant, b: Tenant) -> Bool {
        a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
    }
}
