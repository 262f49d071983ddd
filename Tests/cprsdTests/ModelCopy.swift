import CPRSTestSupport
import Foundation

extension TemporaryFolder {
    /// A folder with a copy of the tests' model that a test may damage: without a self-check, whose failure would come first.
    static func modelCopy() throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        let names = [
            "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "cprs_lexicon.safetensors",
        ]
        for name in names {
            try FileManager.default.copyItem(
                atPath: SharedData.modelFolder + "/" + name, toPath: folder.path + "/" + name)
        }
        return folder
    }
}
