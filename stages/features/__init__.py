"""Room 3, features: one forward pass of each PTM over each dataset's training split."""
