import Testing

/// Documents name files that exist, and every format has its page.
@Suite struct DocumentTests {
    @Test(arguments: SourceTree.documents)
    func pathsExist(document: SourceFile) {
        let roots = ["Sources/", "Tests/", "docs/", "scripts/", "deploy/", "queries/"]
        for (number, line) in document.lines.enumerated() {
            for piece in line.split(separator: "`") where roots.contains(where: piece.hasPrefix) {
                let path = piece.prefix { !" :*<,;)".contains($0) }
                guard piece.count == path.count || piece.dropFirst(path.count).first == ":" else {
                    continue
                }
                #expect(SourceTree.exists(String(path)), "\(document.path):\(number + 1): \(path)")
            }
        }
    }

    @Test(arguments: SourceTree.documents)
    func linksResolve(document: SourceFile) {
        let folder = document.path.split(separator: "/").dropLast().joined(separator: "/")
        for (number, line) in document.lines.enumerated() {
            for piece in line.split(separator: "](").dropFirst() {
                let target = piece.prefix { $0 != ")" && $0 != "#" }
                guard !target.isEmpty, !target.contains("://") else { continue }
                let path = folder.isEmpty ? String(target) : "\(folder)/\(target)"
                #expect(SourceTree.exists(path), "\(document.path):\(number + 1): \(target)")
            }
        }
    }

    @Test func theHouseHasItsPapers() {
        for path in [
            "README.md", "CHANGELOG.md", "Makefile", ".ci/run", ".swift-format",
            "docs/ARCHITECTURE.md", "docs/format/write-batch.md",
        ] {
            #expect(SourceTree.exists(path), "\(path)")
        }
    }
}
