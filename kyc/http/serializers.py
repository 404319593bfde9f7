from rest_framework import serializers


class Strict(serializers.Serializer):
    """A request body: a field we do not know is an error, not silence (a typo must not become a default)."""

    def to_internal_value(self, data):
        if unknown := set(data) - set(self.fields):
            raise serializers.ValidationError({name: ["Unknown field."] for name in sorted(unknown)})
        return super().to_internal_value(data)
