extension Qwen2Config {
    /// A `config.json` that says what this value does; without `cprs_instruction`.
    package var json: String {
        """
        {
          "model_type": "qwen2",
          "hidden_size": \(self.width),
          "intermediate_size": \(self.feedForwardWidth),
          "num_hidden_layers": \(self.layers),
          "num_attention_heads": \(self.heads),
          "num_key_value_heads": \(self.keyValueHeads),
          "head_dim": \(self.headWidth),
          "vocab_size": \(self.vocabularySize),
          "max_position_embeddings": \(self.maxPositions),
          "rms_norm_eps": \(self.normEpsilon),
          "rope_theta": \(self.ropeTheta),
          "tie_word_embeddings": \(self.tiedEmbeddings),
          "cprs_bidirectional_start_layer": \(self.bidirectionalStartLayer),
          "cprs_window_tokens": \(self.trainedWindowTokens),
          "cprs_threshold": \(self.threshold)
        }

        """
    }
}
