internal import Glibc

/// Paths by pattern: `*`, `?` and `[…]`, as a shell expands them.
package enum PathPattern {
    /// Whether `text` has anything to expand.
    package static func isPattern(_ text: String) -> Bool {
        text.utf8.contains { $0 == 0x2A || $0 == 0x3F || $0 == 0x5B }
    }

    /// The paths that there are, ascending; none when nothing matches or a directory can not be
    /// read.
    package static func matches(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0 else { return [] }
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }
}
