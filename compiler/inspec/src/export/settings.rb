# The values of a key in the lines `KEY separator VALUE` of a file; a blank separator is white space.
forge_settings = lambda do |path, key, separator, section|
  inside = section.nil?
  values = []
  file(path).content.to_s.lines.each do |text|
    line = text.strip
    if line.start_with?('#') || line.start_with?(';')
      next
    end
    name = section.nil? ? nil : line[/\A\[([^\]]*)\]\s*([#;].*)?\z/, 1]
    if !name.nil?
      inside = name.strip == section
      next
    end
    if !inside || !line.start_with?(key)
      next
    end
    rest = line[key.length..-1]
    if separator.empty?
      if !rest.empty? && !rest.match?(/\A\s/)
        next
      end
    else
      rest = rest.lstrip
      if !rest.start_with?(separator)
        next
      end
      rest = rest[separator.length..-1]
    end
    rest = rest.strip
    quoted = rest.length > 1 && rest[0] == rest[-1] && ['"', "'"].include?(rest[0])
    values << (quoted ? rest[1..-2] : rest)
  end
  values
end
