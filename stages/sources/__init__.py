"""Where images and judgments come from: pinned downloads and their formats, the miniature world."""
