"""What all formats show: values without secrets, the review of each change, its risks, and paths inside values."""
