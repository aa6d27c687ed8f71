"""params.yaml and studies/*.yaml as typed, validated objects, and the paths of every artifact."""
