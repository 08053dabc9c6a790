/// Paths that stand in files.
enum FilePath {
    /// `path`, from the folder of the file `file` on unless it is absolute.
    static func beside(_ file: String, _ path: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}
