"""Systems of several parts: shared out, joined, predicted as a whole, drawn, written as a skeleton, and tried out."""
